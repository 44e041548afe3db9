"""The masked autoencoder: encoder for latents, light decoder for hidden patches (paper, 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.encoder.vit import Block, PatchEmbed, Stem, sincos_positions

MEAN = 0.5
STD = 0.25
"""Faces in [0, 1] are normalised with these, all channels alike, by every network."""
HIDDEN_BIAS = -1e4


class MaskedAutoencoder(nn.Module):
    """MAE with the public layout of parameter names, without per-patch normalisation.

    Faces of another size are looked at in its own.

    Parameters
    ----------
    image_size, patch_size : int
        Pixels that it looks at; 112 and 8 for the small configuration, 224 and 16 for the paper's.
    dim, depth, heads : int
        Of the encoder.
    decoder_dim, decoder_depth, decoder_heads : int
        Of the decoder.
    stem : {"linear", "two-layer"}
        Of the patches' embedding.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        dim: int,
        depth: int,
        heads: int,
        decoder_dim: int,
        decoder_depth: int,
        decoder_heads: int,
        stem: Stem = "linear",
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.patch_size = patch_size
        self.grid = image_size // patch_size
        self.dim = dim
        self.patch_embed = PatchEmbed(patch_size, dim, stem)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(sincos_positions(dim, self.grid), requires_grad=False)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.decoder_embed = nn.Linear(dim, decoder_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_dim))
        self.decoder_pos_embed = nn.Parameter(
            sincos_positions(decoder_dim, self.grid), requires_grad=False
        )
        self.decoder_blocks = nn.ModuleList(
            [Block(decoder_dim, decoder_heads) for _ in range(decoder_depth)]
        )
        self.decoder_norm = nn.LayerNorm(decoder_dim, eps=1e-6)
        self.decoder_pred = nn.Linear(decoder_dim, 3 * patch_size**2)
        self.apply(_initialise)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.mask_token, std=0.02)

    def encode(self, faces: Tensor, mask: Tensor | None = None) -> Tensor:
        """Latents of all patches; hidden ones are not looked at.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        mask : (B, N) bool, optional
            True = hidden. What comes out at hidden patches has no meaning.

        Returns
        -------
        (B, 1 + N, D)
            Class token first.
        """
        x = self._embed(faces)
        bias = None
        if mask is not None:
            visible = torch.zeros_like(mask[:, :1])
            bias = torch.cat([visible, mask], dim=1)[:, None, None].to(x.dtype) * HIDDEN_BIAS
        return self._transform(x, bias)

    def encode_early(self, faces: Tensor, blocks: int) -> Tensor:
        """What the first blocks make of all patches.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        blocks : int

        Returns
        -------
        (B, N, D)
            Not normalised.
        """
        x = self._embed(faces)
        for block in self.blocks[:blocks]:
            x = block(x)
        return x[:, 1:]

    def encode_kept(self, faces: Tensor, kept: Tensor) -> Tensor:
        """Latents of the kept patches alone: quicker when many are hidden.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        kept : (B, K) int64
            Indices of the visible patches.

        Returns
        -------
        (B, 1 + K, D)
        """
        x = self._embed(faces)
        index = kept[..., None].expand(-1, -1, x.shape[-1])
        x = torch.cat([x[:, :1], x[:, 1:].gather(1, index)], dim=1)
        return self._transform(x, None)

    def decode(self, latents: Tensor, mask: Tensor) -> Tensor:
        """Predict all patches from the visible latents.

        Parameters
        ----------
        latents : (B, 1 + N, D)
        mask : (B, N) bool, True = hidden

        Returns
        -------
        (B, 3, S, S) float
            In [0, 1] where the prediction is good; not clipped.
        """
        x = self.decoder_embed(latents)
        hidden = mask[..., None]
        patches = torch.where(hidden, self.mask_token.to(x.dtype), x[:, 1:])
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        x = self.decoder_pred(self.decoder_norm(x))[:, 1:]
        return self.unpatchify(x.float()) * STD + MEAN

    def fill(self, faces: Tensor, mask: Tensor) -> Tensor:
        """Coarse face: visible pixels as they are, hidden patches predicted.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        mask : (B, N) bool, True = hidden

        Returns
        -------
        (B, 3, S, S) float in [0, 1]
        """
        predicted = self.decode(self.encode(faces, mask), mask).clamp(0, 1)
        side = faces.shape[-1]
        return torch.where(self.mask_pixels(mask, side), resized(predicted, side), faces)

    def reconstruct_kept(self, faces: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Predict all patches from the kept ones: the training pass.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        kept : (B, K) int64

        Returns
        -------
        predicted : (B, 3, S, S) float
        mask : (B, N) bool, True = hidden
        """
        visible = self.encode_kept(faces, kept)
        b, n = faces.shape[0], self.grid**2
        mask = torch.ones(b, n, dtype=torch.bool, device=faces.device)
        mask = mask.scatter(1, kept, torch.zeros_like(kept, dtype=torch.bool))
        index = kept[..., None].expand(-1, -1, visible.shape[-1])
        patches = torch.zeros(b, n, visible.shape[-1], dtype=visible.dtype, device=faces.device)
        patches = patches.scatter(1, index, visible[:, 1:])
        return self.decode(torch.cat([visible[:, :1], patches], dim=1), mask), mask

    def unpatchify(self, patches: Tensor) -> Tensor:
        """(B, N, P * P * 3) -> (B, 3, S, S)."""
        g, p = self.grid, self.patch_size
        x = patches.reshape(-1, g, g, p, p, 3).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(-1, 3, g * p, g * p)

    def mask_pixels(self, mask: Tensor, side: int | None = None) -> Tensor:
        """(B, N) bool patches -> (B, 1, side, side) bool pixels; its own size by default."""
        g, p = self.grid, (side or self.image_size) // self.grid
        x = mask.reshape(-1, 1, g, 1, g, 1).expand(-1, 1, g, p, g, p)
        return x.reshape(-1, 1, g * p, g * p)

    def _embed(self, faces: Tensor) -> Tensor:
        seen = resized(faces, self.image_size)
        x = self.patch_embed((seen - MEAN) / STD) + self.pos_embed[:, 1:]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        return torch.cat([first.to(x.dtype), x], dim=1)

    def _transform(self, x: Tensor, bias: Tensor | None) -> Tensor:
        for block in self.blocks:
            x = block(x, bias)
        out: Tensor = self.norm(x)
        return out


def resized(faces: Tensor, side: int) -> Tensor:
    """Faces (B, 3, S, S) in another size, (B, 3, side, side); as they are where it is theirs."""
    if faces.shape[-1] == side:
        return faces
    return F.interpolate(faces, (side, side), mode="area" if side < faces.shape[-1] else "bilinear")


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))
