type Env = Readonly<Record<string, string | undefined>>;

const PLACE = /\{\{(.*?)\}\}/gs;
/** In quotes nearly any name will do, as an environment takes any. */
const QUOTED = /\s*(?:'([^'"\\\s]+)'|"([^'"\\\s]+)")\s*/.source;
const DEFAULT = /,\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*/.source;
const FORMS = [
  new RegExp(`^env\\s*\\[${QUOTED}\\]$`),
  /^env\s*\.\s*(?!get\b)([A-Za-z_][A-Za-z0-9_]*)$/,
  new RegExp(`^env\\s*\\.\\s*get\\s*\\(${QUOTED}(?:${DEFAULT})?\\)$`),
];

/**
 * Fills `{{ env['NAME'] }}`, `{{ env.NAME }}` and `{{ env.get('NAME', 'default') }}` into a text. Nothing is escaped:
 * the value is sent as it is. A variable that is not set, without a default, is a problem, told without any value.
 */
export function fillTemplate(template: string, env: Env): { readonly text: string } | { readonly problem: string } {
  let problem: string | undefined;
  const text = template.replace(PLACE, (_place, inside: string) => {
    const filled = fill(inside.trim(), env);
    if ('text' in filled) return filled.text;
    problem ??= filled.problem;
    return '';
  });
  return problem === undefined ? { text } : { problem };
}

function fill(expression: string, env: Env): { readonly text: string } | { readonly problem: string } {
  for (const form of FORMS) {
    const match = form.exec(expression);
    if (match === null) continue;
    const name = match[1] ?? match[2] ?? '';
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    const text = value ?? match[3] ?? match[4];
    return text === undefined ? { problem: `wants the environment variable ${name}, which is not set` } : { text };
  }
  return { problem: "has a {{ … }} that is none of env['NAME'], env.NAME and env.get('NAME', 'default')" };
}
