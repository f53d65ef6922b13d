import { writeScalar } from './scalar-style.ts';

/** What a new file says at its top. */
export interface NewFileHeader {
  readonly path: string;
  readonly region: string;
  readonly kmskey: string;
}

/** A new secrets file with every value a secret in plain text: to be sealed before it goes anywhere. */
export function newFileText(
  header: NewFileHeader,
  secrets: readonly { readonly name: string; readonly value: string }[],
): string {
  const scalar = (text: string, indent?: number) => {
    const { head, body } = writeScalar(text, { style: 'plain', flow: false, indent, newline: '\n' });
    return head + body;
  };
  const top = Object.entries(header).map(([key, text]) => `${key}: ${scalar(text)}\n`);
  const items = secrets.map(
    ({ name, value }) =>
      `  - name: ${scalar(name)}\n    description: ''\n    type: SecureString\n    value: ${scalar(value, 4)}\n`,
  );
  return `${top.join('')}parameters:${items.length === 0 ? ' []' : ''}\n${items.join('')}`;
}
