export type Json = Record<string, unknown>;

/** A text in which `docker stack deploy` replaces `${…}`. */
export class Asked {
  readonly template: string;

  constructor(template: string) {
    this.template = template;
  }
}

/** Key of one of the engine's own networks, `host` and `none`, in a stack file. */
export function networkName(predefined: string): string {
  return `engine-${predefined}`;
}
