/**
 * Returns the variables that the `docker` client adds to the environment of its Compose plugin. They override
 * those of the shell and of `.env`, for `${…}` and bare names. Taken from docker/cli 28 (cli-plugins/manager:
 * `PluginRunCommand`, `appendPluginResourceAttributesEnvvar`; cmd/docker: `tryPluginRun`); older clients lack
 * some of them.
 * @param env the environment that the client is started with
 */
export function clientVariables(env: NodeJS.ProcessEnv): Map<string, string> {
  const attributes = [env.OTEL_RESOURCE_ATTRIBUTES?.trim(), 'docker.cli.cobra.command_path=docker%20compose'];
  return new Map([
    ['DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND', 'docker'],
    // A name of 32 random digits, which is unknown before the call.
    ['DOCKER_CLI_PLUGIN_SOCKET', '@docker_cli_<another one at each call>'],
    ['OTEL_RESOURCE_ATTRIBUTES', attributes.filter(Boolean).join(',')],
  ]);
}
