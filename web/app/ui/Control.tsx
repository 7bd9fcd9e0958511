import { ToggleButton, Tooltip, TooltipTrigger, Button } from "react-aria-components";
import { Icon, type IconName } from "./Icon";

interface ControlProps {
  label: string;
  icon: IconName;
  /** The keyboard shortcut, shown in the tooltip. */
  shortcut?: string | undefined;
  /** The number shown on the control, and the description that screen readers get instead. */
  badge?: { count: number; text: string } | undefined;
  tone?: "default" | "danger" | undefined;
  disabled?: boolean | undefined;
  /** Shows the label as text beside the icon. */
  wide?: boolean | undefined;
  onPress: () => void;
}

/** Control is a round button with an icon. */
export function Control(props: ControlProps) {
  return (
    <WithTooltip {...props}>
      <Button
        className="control"
        data-tone={props.tone ?? "default"}
        data-wide={props.wide === true || undefined}
        isDisabled={props.disabled ?? false}
        onPress={props.onPress}
        aria-label={props.label}
      >
        <ControlContent {...props} />
      </Button>
    </WithTooltip>
  );
}

/** Toggle is a round button that is on or off. Its label is the same in both states, as screen readers expect. */
export function Toggle(props: ControlProps & { pressed: boolean; device?: boolean }) {
  return (
    <WithTooltip {...props}>
      <ToggleButton
        className="control"
        data-device={props.device === true || undefined}
        isSelected={props.pressed}
        isDisabled={props.disabled ?? false}
        onChange={props.onPress}
        aria-label={props.label}
      >
        <ControlContent {...props} />
      </ToggleButton>
    </WithTooltip>
  );
}

function ControlContent({ icon, badge, wide, label }: ControlProps) {
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

function WithTooltip({ label, shortcut, badge, children }: ControlProps & { children: React.ReactNode }) {
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
