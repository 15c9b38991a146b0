export type Json = Record<string, unknown>;

/** A text in which `docker stack deploy` replaces `${…}`. */
export class Asked {
  readonly template: string;

  constructor(template: string) {
    this.template = template;
  }
}

/** Returns the key in a stack file for one of the engine's own networks, `host` and `none`. */
export function networkName(predefined: string): string {
  return `engine-${predefined}`;
}
