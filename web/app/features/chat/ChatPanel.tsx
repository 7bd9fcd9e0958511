import { useEffect, useRef, useState } from "react";
import { splitLinks } from "../../lib/links";
import { clockText, dateOf } from "../../lib/time";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import type { ChatMessage } from "./message";
import "./chat.css";

/** Within this time, in milliseconds, consecutive messages of one person are shown under one name. */
const groupingTime = 3 * 60_000;
/** The longest message in UTF-16 code units. */
const maxLength = 4_000;

/** ChatPanel shows the messages and a field to write one. send rejects if a message could not be sent. */
export function ChatPanel({ messages, send, onClose }: {
  messages: readonly ChatMessage[];
  send: (text: string) => Promise<unknown>;
  onClose: () => void;
}) {
  return (
    <Panel title="Chat" onClose={onClose}>
      <p className="chat__hint">Everyone who is in the call can read the messages. They are deleted when the call ends.</p>
      <MessageLog messages={messages} />
      <Composer send={send} />
    </Panel>
  );
}

function MessageLog({ messages }: { messages: readonly ChatMessage[] }) {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    // Scroll to the newest message, unless the person has scrolled up.
    if (log.current && atEnd.current) log.current.scrollTop = log.current.scrollHeight;
  }, [messages]);
  return (
    <div
      className="chat__log"
      role="log"
      aria-label="Messages"
      tabIndex={0}
      ref={log}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      {messages.length === 0 && <p className="chat__empty">No messages yet.</p>}
      {messages.map((message, index) => (
        <Message key={message.id} message={message} previous={messages[index - 1]} />
      ))}
    </div>
  );
}

function Message({ message, previous }: { message: ChatMessage; previous: ChatMessage | undefined }) {
  const continues = previous?.authorId === message.authorId && message.at - previous.at < groupingTime;
  const at = dateOf(message.at);
  return (
    <article className="message" data-mine={message.mine} data-continues={continues}>
      <header className={continues ? "visually-hidden" : "message__head"}>
        <b>{message.mine ? "You" : message.author}</b> {at && <time dateTime={at.toISOString()}>{clockText(at)}</time>}
      </header>
      <p className="message__text">
        {splitLinks(message.text).map((part, index) =>
          part.href === undefined ? (
            part.text
          ) : (
            <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
              {part.text}
            </a>
          ),
        )}
      </p>
    </article>
  );
}

function Composer({ send }: { send: (text: string) => Promise<unknown> }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const submit = async () => {
    const message = text.trim();
    if (message === "") return;
    setText("");
    setProblem("");
    try {
      await send(message);
    } catch {
      // The text is restored unless the person has typed something new.
      setText((current) => (current === "" ? message : current));
      setProblem("Your message was not sent. Try again.");
    }
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {problem !== "" && (
        <p className="field-problem" role="alert">
          {problem}
        </p>
      )}
      <div className="composer__row">
        <textarea
          className="input composer__text"
          data-autofocus
          aria-label="Message"
          placeholder="Write to everyone"
          rows={1}
          maxLength={maxLength}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            // During composition with an input method, Enter confirms a word and must not send.
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            void submit();
          }}
        />
        <button type="submit" className="composer__send" aria-label="Send" disabled={text.trim() === ""}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
