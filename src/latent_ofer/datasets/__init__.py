"""Readers: one data set a file, each giving faces as uint8 arrays with what is known of them."""
