// A desktop's camera: a look through it, and a picture taken. A telephone has its own way, by the file field.

// Calls `take` with the picture.
export function offerCamera(button, dialog, take) {
  if (!navigator.mediaDevices?.getUserMedia || !matchMedia("(pointer: fine)").matches) return;
  const [video, fault, shutter] = ["video", "[data-no-camera]", "[data-shutter]"].map((each) => dialog.querySelector(each));
  button.hidden = false;

  button.addEventListener("click", async () => {
    fault.hidden = true;
    shutter.disabled = true;
    dialog.returnValue = "";
    dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1080 } } });
      if (!dialog.open) return stop(stream); // closed while the browser asked
      video.srcObject = stream;
      await video.play();
      shutter.disabled = false;
    } catch {
      fault.hidden = false;
    }
  });

  dialog.addEventListener("close", async () => {
    const stream = video.srcObject;
    if (!stream) return;
    if (dialog.returnValue === "take") {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      canvas.getContext("2d").drawImage(video, 0, 0);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
      take(new File([blob], "photograph.jpg", { type: blob.type }));
    }
    stop(stream);
    video.srcObject = null;
  });

  function stop(stream) {
    stream.getTracks().forEach((track) => track.stop());
  }
}
