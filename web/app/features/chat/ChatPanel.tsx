import { useEffect, useRef, useState } from "react";
import { splitLinks } from "../../lib/links";
import { clockText, dateOf } from "../../lib/time";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import type { ChatMessage } from "./message";
import "./chat.css";

/** Messages of one person this close together share one name. */
const sameBreath = 3 * 60_000;
const longest = 4_000;

export function ChatPanel({ messages, send, onClose }: {
  messages: readonly ChatMessage[];
  send: (text: string) => Promise<unknown>;
  onClose: () => void;
}) {
  return (
    <Panel title="Chat" onClose={onClose}>
      <p className="chat__hint">Messages reach everyone who is in the call, and are gone when it ends.</p>
      <MessageLog messages={messages} />
      <Composer send={send} />
    </Panel>
  );
}

function MessageLog({ messages }: { messages: readonly ChatMessage[] }) {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    // Somebody who scrolled up to read is left where they are.
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
      {messages.length === 0 && <p className="chat__none">No messages yet.</p>}
      {messages.map((message, index) => (
        <Message key={message.id} message={message} before={messages[index - 1]} />
      ))}
    </div>
  );
}

function Message({ message, before }: { message: ChatMessage; before: ChatMessage | undefined }) {
  const goesOn = before?.authorId === message.authorId && message.at - before.at < sameBreath;
  const at = dateOf(message.at);
  return (
    <article className="message" data-mine={message.mine} data-goes-on={goesOn}>
      <header className={goesOn ? "visually-hidden" : "message__head"}>
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
      // Nothing typed since is overwritten.
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
          maxLength={longest}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            // Enter that confirms a word of an input method is not meant to send.
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
