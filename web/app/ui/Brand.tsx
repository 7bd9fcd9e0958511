/** Brand is Meet's logo, which links to the lobby at href. The server's pages show the same logo. */
export function Brand({ href }: { href: string }) {
  return (
    <a className="brand" href={href}>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path className="brand__back" d="M9 4h11a7 7 0 0 1 7 7v4a7 7 0 0 1-7 7h-6.5L7.6 26.4A1 1 0 0 1 6 25.6V21.3A7 7 0 0 1 2 15v-4a7 7 0 0 1 7-7Z" />
        <path className="brand__front" d="M19.5 12.5h3.8a6.2 6.2 0 0 1 6.2 6.2v2.1a6.2 6.2 0 0 1-3.3 5.5v2.4a.9.9 0 0 1-1.4.7L20.9 27h-1.4a6.2 6.2 0 0 1-6.2-6.2v-2.1a6.2 6.2 0 0 1 6.2-6.2Z" />
      </svg>
      Meet
    </a>
  );
}
