import { didYouMean } from './did-you-mean.ts';
import type { Given, Offer, Problem } from './given.ts';
import { SETTINGS } from './settings.ts';
import { readText } from './value.ts';

/** The settings that flags give, by name without the dashes; `true` stands for a bare flag, `false` for `--no-…`. */
export function flagValues(flags: Readonly<Record<string, string | boolean>>): Offer {
  const given: Given[] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(flags)) {
    const source = { kind: 'flag', name } as const;
    const setting = SETTINGS.find((one) => one.flag === name);
    if (setting !== undefined) {
      given.push({ setting, source, read: readText(setting.schema, String(value)) });
    } else if (name !== 'config') {
      const known = [...SETTINGS.map((one) => `--${one.flag}`), '--config'];
      problems.push({ source, text: `there is no such flag${didYouMean(`--${name}`, known)}` });
    } else if (typeof value !== 'string' || value === '') {
      problems.push({ source, text: 'must be the path of a file' });
    }
  }
  const config = flags['config'];
  return { given, problems, ...(typeof config === 'string' && config !== '' ? { config } : {}) };
}
