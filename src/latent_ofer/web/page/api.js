// Asking the service: its answers, or an Error whose message says what to do.

const meta = document.querySelector("meta[name=token]").content;
let typed = sessionStorage.getItem("token") ?? "";

export const needsToken = meta === "";

export function useToken(text) {
  typed = text.trim();
  sessionStorage.setItem("token", typed);
}

export const MOST_BYTES = 20 * 2 ** 20;
const TRIES = 6;

export async function predict(blob, query) {
  if (blob.size > MOST_BYTES) {
    throw new Error(`It has ${(blob.size / 2 ** 20).toFixed(1)} MiB, the limit is 20: send a smaller one.`);
  }
  for (let attempt = 1; ; attempt++) {
    let answer;
    try {
      answer = await fetch(`v1/predict?${new URLSearchParams(query)}`, {
        method: "POST",
        body: blob,
        headers: {
          "Content-Type": "application/octet-stream",
          Authorization: `Bearer ${needsToken ? typed : meta}`,
        },
      });
    } catch {
      throw new Error("The service does not answer: is it still running? Start it again and reload this page.");
    }
    const told = await answer.json().catch(() => null);
    if (answer.ok && told !== null) return told;
    if (answer.status === 503 && attempt < TRIES) {
      await new Promise((done) => setTimeout(done, 500 * attempt));
      continue;
    }
    if (answer.status === 401) {
      throw new Error(needsToken
        ? "The token is missing or wrong: type it above, then add the photo again."
        : "The service was started anew: reload this page.");
    }
    throw new Error(told?.error?.message.replace(/^image: /, "") ?? "The service broke off: try again.");
  }
}
