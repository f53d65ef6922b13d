// Imported before anything else, it has a process believe that it is another time: by so many milliseconds.
const by = Number(process.env['TEST_CLOCK_OFF_BY'] ?? 0);
const Real = Date;

globalThis.Date = new Proxy(Real, {
  construct: (target, given, self) => Reflect.construct(target, given.length === 0 ? [target.now() + by] : given, self),
  apply: () => String(new Real(Real.now() + by)),
  get: (target, name) => (name === 'now' ? () => target.now() + by : Reflect.get(target, name)),
});
