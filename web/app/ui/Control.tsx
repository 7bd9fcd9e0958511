import { ToggleButton, Tooltip, TooltipTrigger, Button } from "react-aria-components";
import { Icon, type IconName } from "./Icon";

interface ControlProps {
  label: string;
  icon: IconName;
  /** Shown beside the name when the control is pointed at. */
  shortcut?: string | undefined;
  /** Drawn on the control; said to screen readers as its description. */
  badge?: { count: number; text: string } | undefined;
  tone?: "usual" | "danger" | undefined;
  disabled?: boolean | undefined;
  /** Shows the name in writing beside the icon. */
  wide?: boolean | undefined;
  onPress: () => void;
}

/** Control is a round button that does one thing. */
export function Control(props: ControlProps) {
  return (
    <Hinted {...props}>
      <Button
        className="control"
        data-tone={props.tone ?? "usual"}
        data-wide={props.wide === true || undefined}
        isDisabled={props.disabled ?? false}
        onPress={props.onPress}
        aria-label={props.label}
      >
        <Face {...props} />
      </Button>
    </Hinted>
  );
}

/** Toggle is a round button that stays pressed; its name never changes, its state does. */
export function Toggle(props: ControlProps & { pressed: boolean; device?: boolean }) {
  return (
    <Hinted {...props}>
      <ToggleButton
        className="control"
        data-device={props.device === true || undefined}
        isSelected={props.pressed}
        isDisabled={props.disabled ?? false}
        onChange={props.onPress}
        aria-label={props.label}
      >
        <Face {...props} />
      </ToggleButton>
    </Hinted>
  );
}

function Face({ icon, badge, wide, label }: ControlProps) {
  return (
    <>
      <Icon name={icon} />
      {wide === true && <span>{label}</span>}
      {badge && badge.count > 0 && (
        <span className="control__badge" data-count={badge.count > 99 ? "99+" : badge.count} aria-hidden="true" />
      )}
    </>
  );
}

function Hinted({ label, shortcut, badge, children }: ControlProps & { children: React.ReactNode }) {
  return (
    <TooltipTrigger delay={500} closeDelay={80}>
      {children}
      <Tooltip className="tooltip" offset={10}>
        {label}
        {shortcut !== undefined && <kbd>{shortcut}</kbd>}
        {badge && badge.count > 0 && <span className="visually-hidden">, {badge.text}</span>}
      </Tooltip>
    </TooltipTrigger>
  );
}
