import { TextField } from "../../ui/TextField";

const maxNameLength = 100;

/**
 * NameField is the text field for the person's name. Where the name is optional, the placeholder is the name that is used
 * if the field is empty. Where it is required, problem says what is wrong with the name, or is "".
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
