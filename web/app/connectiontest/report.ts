import type { Summary } from "./summary";
import type { Step } from "./step";

/** ReportHead says where and when a test ran. */
export interface ReportHead {
  server: string;
  userAgent: string;
  at: Date;
}

/** reportText returns the report of a test as plain text. It contains no access token. */
export function reportText(head: ReportHead, summary: Summary, steps: Step[]): string {
  const lines = [
    "Meet connection test",
    `Server: ${head.server}`,
    `Time: ${head.at.toISOString()}`,
    `Browser: ${head.userAgent}`,
    "",
    `Result: ${summary.heading}`,
    ...summary.notes.map((note) => `- ${note}`),
    "",
  ];
  for (const [i, { title, state, measured, advice }] of steps.entries()) {
    lines.push(`${i + 1}. ${title}: ${state}`);
    for (const fact of measured) lines.push(`   ${fact}`);
    if (advice !== "") lines.push(`   ${state === "skipped" ? "Reason" : "What to do"}: ${advice}`);
  }
  return `${lines.join("\n")}\n`;
}

/** reportFileName returns the name of the report's file. */
export function reportFileName(at: Date): string {
  return `meet-connection-test-${at.toISOString().slice(0, 19).replace(/[:T]/g, "-")}.txt`;
}
