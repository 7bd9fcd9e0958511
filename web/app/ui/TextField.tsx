interface TextFieldProps extends Omit<React.ComponentProps<"input">, "id" | "className" | "onChange"> {
  id: string;
  label: string;
  value: string;
  /** Why the value is invalid, or "" if it is valid. Leave it out for a field that accepts every value. */
  problem?: string;
  onChange: (value: string) => void;
}

/** TextField is a labelled text input with its validation problem below. */
export function TextField({ id, label, problem, onChange, ...input }: TextFieldProps) {
  const validation = problem === undefined ? {} : { "aria-describedby": `${id}-problem`, "aria-invalid": problem !== "" };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} className="input" type="text" {...input} {...validation} onChange={(event) => onChange(event.target.value)} />
      {problem !== undefined && (
        <p id={`${id}-problem`} className="field-problem" role="alert" hidden={problem === ""}>
          {problem}
        </p>
      )}
    </div>
  );
}
