// Two notes a fourth apart, in hertz, each long enough to tell left from right.
const notes = [523.25, 698.46];
const noteSeconds = 0.35;

/** playTestSound makes the sound itself, so that no file has to be fetched. */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = new AudioContext();
  try {
    await context.resume();
    // Through an element, because choosing its output works in more browsers than choosing the context's.
    const output = context.createMediaStreamDestination();
    const element = new Audio();
    element.srcObject = output.stream;
    if (speakerId !== "" && "setSinkId" in element) await element.setSinkId(speakerId).catch(() => undefined);
    await element.play();
    for (const [index, hertz] of notes.entries()) strike(context, output, hertz, index * noteSeconds);
    await new Promise((resolve) => setTimeout(resolve, (notes.length * noteSeconds + 0.4) * 1000));
    element.srcObject = null;
  } catch {
    // Without sound there is nothing to hear, which is what the test is for.
  } finally {
    await context.close();
  }
}

function strike(context: AudioContext, output: AudioNode, hertz: number, after: number): void {
  const tone = context.createOscillator();
  const loudness = context.createGain();
  const start = context.currentTime + 0.05 + after;
  tone.frequency.value = hertz;
  loudness.gain.setValueAtTime(0, start);
  loudness.gain.linearRampToValueAtTime(0.25, start + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.001, start + noteSeconds + 0.25);
  tone.connect(loudness).connect(output);
  tone.start(start);
  tone.stop(start + noteSeconds + 0.3);
}
