import { Button, Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Icon } from "./Icon";

/** Dialog is a modal dialog. Escape and a click outside it close it. */
export function Dialog(props: { title: string; onClose: () => void; children: React.ReactNode }) {
  return (
    <ModalOverlay
      className="dialog__scrim"
      isOpen
      isDismissable
      onOpenChange={(open) => {
        if (!open) props.onClose();
      }}
    >
      <Modal className="dialog">
        <AriaDialog className="dialog__body">
          <header className="dialog__head">
            <Heading slot="title">{props.title}</Heading>
            <Button className="icon-button" aria-label="Close" onPress={props.onClose}>
              <Icon name="close" />
            </Button>
          </header>
          {props.children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
