interface TextFieldProps extends Omit<React.ComponentProps<"input">, "id" | "className" | "onChange"> {
  id: string;
  label: string;
  value: string;
  /** Why the value was refused, "" if it was not; a field without it is never refused. */
  problem?: string;
  onChange: (value: string) => void;
}

/** TextField is a labelled input with its problem below. */
export function TextField({ id, label, problem, onChange, ...input }: TextFieldProps) {
  const refusable = problem === undefined ? {} : { "aria-describedby": `${id}-problem`, "aria-invalid": problem !== "" };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} className="input" type="text" {...input} {...refusable} onChange={(event) => onChange(event.target.value)} />
      {problem !== undefined && (
        <p id={`${id}-problem`} className="field-problem" role="alert" hidden={problem === ""}>
          {problem}
        </p>
      )}
    </div>
  );
}
