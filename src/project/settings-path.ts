/** Apart from its reader, so that who only names the file does not load the reader. */
export const SETTINGS_FILE = 'invctl.yaml';
