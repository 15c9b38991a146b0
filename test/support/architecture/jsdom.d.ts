// What the tests use of jsdom: its own types bring those of a browser into the whole program.
declare module 'jsdom' {
  export class JSDOM {
    constructor(html: string);
    readonly window: { document: unknown };
  }
}
