import fc from 'fast-check';
import t from 'tap';
import { fillTemplate } from '../../src/access/external-id.ts';

const env = { XID: 'id-42', _a1: '<&>"', EMPTY: '', 'my.id-1': 'odd' };

t.test('every form of a template is filled, with text around it and blanks within', async (t) => {
  for (const [template, text] of [
    ['plain', 'plain'],
    ["{{ env['XID'] }}", 'id-42'],
    ['{{env["XID"]}}', 'id-42'],
    ["{{  env[ 'XID' ]\t}}", 'id-42'],
    ['{{ env.XID }}', 'id-42'],
    ["{{ env ['XID'] }}", 'id-42'],
    ['{{ env . XID }}', 'id-42'],
    ["{{\nenv . get ( 'NONE','d' )\n}}", 'd'],
    ["{{ env['my.id-1'] }}", 'odd'],
    ["{{ env.get('XID','d') }}", 'id-42'],
    ["{{ env.get('XID') }}", 'id-42'],
    ["{{ env.get( 'NONE' , 'd e' ) }}", 'd e'],
    ['{{ env.get("NONE","") }}', ''],
    ['{{ env.EMPTY }}', ''],
    ['a-{{ env.XID }}-{{ env.XID }}-b', 'a-id-42-id-42-b'],
    ['{{ env._a1 }}', '<&>"'],
  ] as const) {
    t.same(fillTemplate(template, env), { text }, template);
  }
});

t.test('a variable that is not set is named', async (t) => {
  for (const template of ["{{ env['NONE'] }}", '{{ env.NONE }}', "{{ env.get('NONE') }}", '{{ env.constructor }}']) {
    t.match(fillTemplate(template, env), { problem: /(NONE|constructor), which is not set/ }, template);
  }
});

t.test('nothing else is an expression', async (t) => {
  for (const template of ['{{ XID }}', '{{ env.XID | upper }}', "{{ env['XID'] + 'a' }}", '{{ }}', '{{ env.get }}']) {
    t.match(fillTemplate(template, env), { problem: /none of env/ }, template);
  }
});

t.test('a text without braces is itself, and a value is never read as a template', async (t) => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('{{')),
      (text) => {
        t.same(fillTemplate(text, {}), { text });
      },
    ),
  );
  t.same(fillTemplate('{{ env.A }}', { A: '{{ env.B }}' }), { text: '{{ env.B }}' });
});
