/** Ending is the explanation of the end of a call, as the end page shows it. */
export interface Ending {
  /** A stable identifier. "could-not-join" means that the call never started. */
  code: string;
  heading: string;
  text: string;
}
