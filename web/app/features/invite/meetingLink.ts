import { inviteOrigin } from "../../lib/base";

/** meetingLink returns the link for other people: the address of this page without query and fragment. */
export function meetingLink(): string {
  return inviteOrigin() + location.pathname;
}
