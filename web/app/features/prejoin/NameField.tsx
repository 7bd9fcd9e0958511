import { TextField } from "../../ui/TextField";

const longestName = 100;

/** NameField asks for the person's name; with a placeholder it may stay empty, with a problem it may not. */
export function NameField(props: {
  value: string;
  onChange: (name: string) => void;
  placeholder?: string;
  problem?: string;
  ref?: React.Ref<HTMLInputElement>;
}) {
  return <TextField id="name" label="Your name" autoComplete="name" maxLength={longestName} {...props} />;
}
