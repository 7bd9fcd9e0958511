/** Ending says why a call has ended, in words for the person. */
export interface Ending {
  /** A steady word for programs; "could-not-join" for a call that never began. */
  code: string;
  heading: string;
  text: string;
}
