interface TextFieldProps extends Omit<React.ComponentProps<"input">, "id" | "className" | "onChange"> {
  id: string;
  label: string;
  value: string;
  /** What is wrong with the value, "" if nothing; a field without it is never refused. */
  problem?: string;
  onChange: (value: string) => void;
}

/** TextField is a line of text under its label, with what is wrong with it below. */
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
