/** sinceText returns how long something has lasted: "just started", "for 5 min", "for 1 h 20 min". */
export function sinceText(start: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - start.getTime()) / 60_000);
  if (!(minutes >= 1)) return "just started";
  return `for ${hoursMinutes(minutes)}`;
}

/** durationText returns how long something took: "45 s", "12 min", "1 h 5 min". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : hoursMinutes(Math.floor(whole / 60));
}

/** dateOf returns the date of a received time in milliseconds since 1970, or undefined if it is out of range for a Date. */
export function dateOf(milliseconds: number): Date | undefined {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** dateText returns a date and time in the browser's language. */
export function dateText(at: Date): string {
  return at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** clockText returns a time of day in the browser's language. */
export function clockText(at: Date): string {
  return at.toLocaleTimeString(undefined, { timeStyle: "short" });
}

function hoursMinutes(minutes: number): string {
  if (minutes < 60) return `${minutes} min`;
  const remainder = minutes % 60;
  return remainder === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${remainder} min`;
}
