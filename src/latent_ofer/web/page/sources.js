// Where pictures come from beside files: frames of a video, and the camera.

const MOST_FRAMES = 60;

function once(target, name, failure) {
  return new Promise((done, failed) => {
    target.addEventListener(name, done, { once: true });
    target.addEventListener("error", () => failed(new Error(failure)), { once: true });
  });
}

function shot(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
}

export const isVideo = (file) => file.type.startsWith("video/") || /\.(mp4|webm|mov|m4v|ogv)$/i.test(file.name);

// The frames of a short video, twice a second and 60 at most, as [name, blob]; the browser decodes.
export async function* frames(file) {
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(file);
  try {
    const failure = "This browser cannot play it: save it as MP4 or WebM, or use latent-ofer predict.";
    await once(video, "loadeddata", failure);
    if (!Number.isFinite(video.duration)) {  // recorders leave it out: it is known after a look at the end
      const known = once(video, "durationchange", failure);
      video.currentTime = 1e7;
      await known;
    }
    const step = Math.max(0.5, video.duration / MOST_FRAMES);
    for (let time = 0; time < video.duration; time += step) {
      const there = once(video, "seeked", failure);
      video.currentTime = time;
      await there;
      yield [`${file.name} at ${time.toFixed(1)} s`, await shot(video)];
    }
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

// Show the camera; gives a picture, or nothing where the user closes it.
export async function fromCamera(dialog, video, shoot, close) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
  } catch (problem) {
    const reasons = {
      NotAllowedError: "The camera may not be used: allow it in the settings of this page.",
      NotFoundError: "There is no camera: connect one, or choose a photo.",
    };
    throw new Error(reasons[problem.name]
      ?? "The camera cannot be used: browsers give it to pages on this machine or behind https only.");
  }
  video.srcObject = stream;
  dialog.showModal();
  try {
    const taken = await new Promise((done) => {
      shoot.onclick = () => done(true);
      close.onclick = dialog.onclose = () => done(false);
    });
    return taken ? await shot(video) : null;
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    dialog.close();
  }
}
