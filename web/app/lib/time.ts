// Times as people say them. All of it is pure: now is an argument.

/** sinceText says how long something has lasted: "just started", "for 5 min", "for 1 h 20 min". */
export function sinceText(start: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - start.getTime()) / 60_000);
  if (!(minutes >= 1)) return "just started";
  return `for ${hoursMinutes(minutes)}`;
}

/** durationText says how long something took: "45 s", "12 min", "1 h 5 min". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : hoursMinutes(Math.floor(whole / 60));
}

/** dateOf returns the date of milliseconds since 1970 that somebody else sent, or undefined if no date is so far away. */
export function dateOf(milliseconds: number): Date | undefined {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** dateText is the visitor's own way of writing a day and a time. */
export function dateText(at: Date): string {
  return at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** clockText is the visitor's own way of writing a time of day. */
export function clockText(at: Date): string {
  return at.toLocaleTimeString(undefined, { timeStyle: "short" });
}

function hoursMinutes(minutes: number): string {
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}
