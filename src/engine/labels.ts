/** Labels that Compose puts on what it makes. */
export const LABEL_PROJECT = 'com.docker.compose.project';
export const LABEL_SERVICE = 'com.docker.compose.service';
export const LABEL_NUMBER = 'com.docker.compose.container-number';
/** The folder of the project, as Compose was called there. */
export const LABEL_FOLDER = 'com.docker.compose.project.working_dir';
/** Its compose files, separated by commas. */
export const LABEL_FILES = 'com.docker.compose.project.config_files';
export const LABEL_ONE_OFF = 'com.docker.compose.oneoff';
export const LABEL_CONFIG_HASH = 'com.docker.compose.config-hash';
/** A URL that a service is reached by from outside, where its published port does not tell: a proxy's name. */
export const LABEL_URL = 'invctl.url';
/** Name of the stack that an object belongs to, on a Swarm. */
export const LABEL_STACK = 'com.docker.stack.namespace';
