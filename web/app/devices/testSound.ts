// The frequencies of two notes a fourth apart, in hertz. Each is long enough to notice which speaker plays it.
const notes = [523.25, 698.46];
const noteSeconds = 0.35;

/** playTestSound plays two notes through a speaker. It resolves when they have ended or could not be played. */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = new AudioContext();
  try {
    await context.resume();
    // Through an audio element, because more browsers support setSinkId there than on AudioContext.
    const output = context.createMediaStreamDestination();
    const element = new Audio();
    element.srcObject = output.stream;
    if (speakerId !== "" && "setSinkId" in element) await element.setSinkId(speakerId).catch(() => undefined);
    await element.play();
    for (const [index, hertz] of notes.entries()) playNote(context, output, hertz, index * noteSeconds);
    await new Promise((resolve) => setTimeout(resolve, (notes.length * noteSeconds + 0.4) * 1000));
    element.srcObject = null;
  } catch {
    // No error is shown: the person notices that nothing plays.
  } finally {
    await context.close();
  }
}

function playNote(context: AudioContext, output: AudioNode, hertz: number, delay: number): void {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  const start = context.currentTime + 0.05 + delay;
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.25, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start + noteSeconds + 0.25);
  oscillator.connect(gain).connect(output);
  oscillator.start(start);
  oscillator.stop(start + noteSeconds + 0.3);
}
