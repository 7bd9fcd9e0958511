import { TextField } from "../../ui/TextField";

const maxNameLength = 100;

/**
 * NameField is the text field for the person's name. With a placeholder the name is optional, with a problem it is
 * required.
 */
export function NameField(props: {
  value: string;
  onChange: (name: string) => void;
  placeholder?: string;
  problem?: string;
  ref?: React.Ref<HTMLInputElement>;
}) {
  return <TextField id="name" label="Your name" autoComplete="name" maxLength={maxNameLength} {...props} />;
}
