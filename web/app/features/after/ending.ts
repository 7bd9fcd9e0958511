/** Ending is why a call is over, as the person reads it. */
export interface Ending {
  /** A steady word for programs; "could-not-join" if the call never began. */
  code: string;
  heading: string;
  text: string;
}
