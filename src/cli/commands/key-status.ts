import type { DefineCommand } from '../command.ts';
import { type KeyFlags, keyOptions, withDeclaredKeys } from '../key-options.ts';
import { seenJson, seenText } from '../key-text.ts';
import { print } from '../output.ts';

/** `keystead key status` */
export const define: DefineCommand = (command, { io }) => {
  keyOptions(command).action(async (only: string | undefined, flags: KeyFlags, called) => {
    const seen = await withDeclaredKeys(flags, called, io, (keys, call) => keys.look({ only }, call));
    await print(io, flags.output ?? 'plain', { keys: seen.map(seenJson) }, () => seen.map(seenText).join(''));
  });
};
