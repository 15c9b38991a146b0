interface Unreachable {
  message: string;
  hint: string;
}

const THIS_MACHINE = 'for the engine of this machine: unset DOCKER_HOST DOCKER_CONTEXT';

/**
 * Explains the message of the docker client (20 to 29) when it cannot reach an engine, by the address that it
 * used: a context, another machine by SSH or TCP, or this machine's socket.
 * @returns undefined if the text is not such a message.
 */
export function explainUnreachable(text: string): Unreachable | undefined {
  const context =
    /context "([^"]*)"(?: is|:| does)? not (?:found|exist)|context "([^"]*)": context not found/i.exec(text);
  if (context) {
    return {
      message: `the docker context "${context[1] ?? context[2]}" does not exist`,
      hint: `docker context ls      (then: docker context use NAME; ${THIS_MACHINE})`,
    };
  }
  // The client prints: command [ssh -l me -- host docker system dial-stdio] has exited with …: stderr=output
  // of ssh
  const ssh = /command \[(ssh .*?) docker (?:--host \S+ )?system dial-stdio\][\s\S]*?stderr=([\s\S]*)/.exec(
    text,
  );
  if (ssh) {
    const said = ssh[2]?.trim().split('\n').at(-1) || 'it ended without a word';
    return {
      message: `the Docker engine of another machine does not answer over SSH: ${said}`,
      hint: `${ssh[1]} docker version      (has to work first; ${THIS_MACHINE})`,
    };
  }
  const address =
    /invalid bind address format: (\S+)|unable to parse docker host `?([^\s`]+)|ssh host connection is not valid: (.*)/i.exec(
      text,
    );
  if (address) {
    return {
      message: `the docker client cannot read the address of its engine: ${address.slice(1).find(Boolean)}`,
      hint: `echo "$DOCKER_HOST"; docker context ls      (one of them has it; ${THIS_MACHINE})`,
    };
  }
  const line = firstLine(text);
  const remote =
    /daemon at (?:tcp|https?):\/\/([^\s/]+?)\. |error during connect: .*dial tcp: lookup (\S+)|docker api at (?:tcp|https?):\/\/([^\s/;]+)/i.exec(
      text,
    );
  if (remote) {
    const machine = remote.slice(1).find(Boolean);
    return {
      message: `the Docker engine at ${machine} does not answer: ${line.replace(/^.*?(?=dial tcp)/, '')}`,
      hint: `echo "$DOCKER_HOST"; docker context ls      (one of them names ${machine}; ${THIS_MACHINE})`,
    };
  }
  if (
    /cannot connect to the docker daemon|failed to connect to the docker api|error during connect|is the docker daemon running|connection refused.*docker/i.test(
      text,
    )
  ) {
    return {
      message: `the Docker engine does not answer: ${line}`,
      hint: 'sudo systemctl start docker      (or without Docker: --engine embedded)',
    };
  }
  return undefined;
}

/** Returns the first line that is not empty. */
export function firstLine(text: string): string {
  return (text.split('\n').find((line) => line.trim() !== '') ?? '').replace(/^(error|ERROR):\s*/, '').trim();
}
