// Generated tracks for people without a camera or a microphone, and for those who do not allow them.

/** The size of the test video, its frames per second, and the size of its moving squares in pixels. */
const format = { width: 1280, height: 720, rate: 15, square: 80 };
/** The test tone: its frequency in Hz and its volume from 0 to 1. */
const tone = { frequency: 440, volume: 0.1 };

/** testVideo returns a video track of squares whose colours change, until `ended` is aborted. */
export function testVideo(ended: AbortSignal): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = format.width;
  canvas.height = format.height;
  const context = canvas.getContext("2d");
  const draw = () => {
    if (!context) return;
    for (let x = 0; x < format.width; x += format.square) {
      for (let y = 0; y < format.height; y += format.square) {
        context.fillStyle = `hsl(${Math.floor(Math.random() * 360)} 60% 50%)`;
        context.fillRect(x, y, format.square, format.square);
      }
    }
  };
  draw();
  const timer = setInterval(draw, 1000 / format.rate); // unlike animation frames, it also runs in a hidden tab
  ended.addEventListener("abort", () => clearInterval(timer), { once: true });
  return firstTrack(canvas.captureStream(format.rate));
}

/** testTone returns an audio track with a quiet tone, until `ended` is aborted. */
export function testTone(ended: AbortSignal): MediaStreamTrack {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: tone.frequency });
  const output = context.createMediaStreamDestination();
  oscillator.connect(new GainNode(context, { gain: tone.volume })).connect(output);
  oscillator.start();
  ended.addEventListener("abort", () => void context.close(), { once: true });
  return firstTrack(output.stream);
}

function firstTrack(stream: MediaStream): MediaStreamTrack {
  const track = stream.getTracks()[0];
  if (!track) throw new Error("the browser generated no track");
  return track;
}
