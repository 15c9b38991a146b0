/** In a file of its own, so that code which only names the file does not load its reader. */
export const SETTINGS_FILE = 'invctl.yaml';
