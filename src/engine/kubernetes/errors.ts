import { CommandError, ExitCode, UserError } from '../../errors.js';
import { type ClusterTarget, typedKubectl } from './argv.js';

interface Known {
  pattern: RegExp;
  /** @param kubectl `kubectl` for the context and the namespace, to be typed */
  explain(
    match: RegExpExecArray,
    kubectl: string,
  ): { code: string; message: string; hint: string; exitCode?: number };
}

const WEBHOOKS = 'kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations';

/**
 * Messages of kubectl 1.20 to 1.34 about problems with itself, its kubeconfig, the API server or its rules.
 */
const KNOWN: readonly Known[] = [
  {
    pattern: /context "([^"]*)" does not exist|no context exists with the name: "([^"]*)"/i,
    explain: ([, one, other]) => ({
      code: 'KUBE_CONTEXT_UNKNOWN',
      message: `the kubeconfig has no context called "${one ?? other}"`,
      hint: 'kubectl config get-contexts',
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  {
    pattern:
      /Unauthorized|must be logged in to the server|token (?:has )?expired|certificate has expired|getting credentials: (.*)/i,
    explain: ([said]) => ({
      code: 'KUBE_LOGIN_EXPIRED',
      message: `the API server does not accept the login of the kubeconfig: it is wrong, or has expired (${said})`,
      hint: 'kubectl auth can-i get pods      (log in again the way you got the kubeconfig, until it answers)',
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  {
    pattern:
      /error loading config file "?([^":\n]*)"?|invalid configuration: ([^\n]*)|stat ([^:\n]+): no such file or directory/i,
    explain: ([, file, why, path]) => ({
      code: 'KUBECONFIG_INVALID',
      message:
        file || path
          ? `kubectl cannot read the kubeconfig ${file || path}`
          : `the kubeconfig is not valid: ${why}`,
      hint: 'kubectl config view      (KUBECONFIG, or ~/.kube/config)',
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  // Its reason may be a connection that was refused: not that to the API server.
  {
    pattern: /failed calling webhook "([^"]+)": ([^\n]*)/i,
    explain: ([, rule, why]) => ({
      code: 'MANIFEST_REFUSED',
      message: `the API server asks "${rule}" about what is deployed, and gets no answer: ${why}`,
      hint: `${WEBHOOKS}      (ask who runs the cluster: nothing is deployed there until it answers)`,
    }),
  },
  {
    pattern: /admission webhook "([^"]+)" denied the request(?:: ([^\n]*))?/i,
    explain: ([, rule, why]) => ({
      code: 'MANIFEST_REFUSED',
      message: `the rule "${rule}" of the cluster refuses what is deployed${why ? `: ${why}` : ', without a reason'}`,
      hint: `put what it asks for into k8s/overlays/production/kustomization.yaml, then: invctl deploy k8s      (the rule: ${WEBHOOKS})`,
    }),
  },
  {
    pattern: /error dialing backend: ([^\n]*)/i,
    explain: ([, why], kubectl) => ({
      code: 'KUBE_NODE_UNREACHABLE',
      message: `the API server does not reach the node that the pod is on: ${why}`,
      hint: `${kubectl} get pods --output wide, kubectl get nodes`,
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  {
    pattern:
      /unable to upgrade connection: ([^\n]*)|container not found \("[^"]+"\)|pods? "[^"]+" not found|error reading from error stream|lost connection to pod|stream error: [^\n]*/i,
    explain: ([said, why], kubectl) => ({
      code: 'POD_GONE',
      message: `the connection into the pod ended: it was restarted or removed, or the connection was cut (${why ?? said})`,
      hint: `${kubectl} get pods, then the same command again`,
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  {
    pattern:
      /(?:connection to the server (\S+) was refused|Unable to connect to the server: ([^\n]*)|dial tcp ([^\n]*)|connect: connection refused|net\/http: TLS handshake timeout|context deadline exceeded|(?:http2: )?(?:client|server) [^\n]*connection lost|unexpected EOF|etcdserver: [^\n]*)/i,
    explain: ([said, server, why]) => ({
      code: 'KUBE_UNREACHABLE',
      message: `the API server does not answer: ${why ?? (server ? `${server} refuses the connection` : said)}`,
      hint: 'kubectl cluster-info      (kubectl config current-context says which cluster that is)',
      exitCode: ExitCode.engineUnavailable,
    }),
  },
  {
    pattern: /exceeded quota: ([^\n]*)/i,
    explain: ([, said = ''], kubectl) => {
      const [quota = ''] = said.split(',');
      const perPod = /\b(?:cpu|memory|storage)=/.test(said);
      return {
        code: 'KUBE_QUOTA',
        // The number of Secrets reads like the value of one, and is redacted.
        message: `the namespace's quota does not allow it: ${said.replace(/([\w./-]+)=(?:\[redacted\]|(\w+))/g, (_, name, number) => (number ? `${number} ${name}` : name))}`,
        hint: `${kubectl} describe resourcequota ${quota}${perPod ? '      (or lower deploy.resources in the compose file)' : '      (ask who runs the cluster for more)'}`,
      };
    },
  },
  {
    pattern: /Error from server \(Forbidden\): ([^\n]*)|is forbidden: (User [^\n]*)/i,
    explain: ([, whole, part], kubectl) => ({
      code: 'KUBE_FORBIDDEN',
      message: `the cluster does not allow it: ${whole ?? part}`,
      hint: `${kubectl} auth can-i --list      (ask who runs the cluster for a role in the namespace, such as \`edit\`)`,
    }),
  },
  {
    pattern: /conflicts? with "([^"]+)"[^\n]*:\n?([^\n]*)/i,
    explain: ([, manager, fields]) => ({
      code: 'KUBE_CONFLICT',
      message: `"${manager}" has changed what the deployment sets as well: ${fields?.trim() || 'see kubectl diff'}`,
      hint: 'invctl deploy k8s --take-over --dry-run, then without --dry-run      (the deployment wins)',
    }),
  },
  {
    pattern: /no matches for kind "([^"]+)" in version "([^"]+)"/i,
    explain: ([, kind, version]) => ({
      code: 'KUBE_KIND_UNKNOWN',
      message: `the cluster knows no ${kind} (${version})`,
      hint: version?.startsWith('postgresql.cnpg.io')
        ? 'install CloudNativePG: https://cloudnative-pg.io/documentation/current/installation_upgrade/, or --db statefulset'
        : 'kubectl api-resources      (an older server, or what defines it is not installed)',
    }),
  },
];

/** Turns a known message into an error that says what to do; other errors are returned unchanged. */
export function explainKubectlError(
  error: unknown,
  { context, namespace }: Partial<ClusterTarget> = {},
): unknown {
  if (error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND') {
    return new UserError({
      code: 'KUBECTL_MISSING',
      message: 'the program `kubectl` is not installed',
      hint: 'https://kubernetes.io/docs/tasks/tools/      (on Debian: sudo apt-get install kubernetes-client)',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  if (error instanceof UserError && error.code === 'TIMEOUT') {
    return new UserError({
      code: 'KUBE_UNREACHABLE',
      message: `the API server does not answer: ${error.message}`,
      hint: 'kubectl cluster-info',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  if (!(error instanceof CommandError)) return error;
  const kubectl = typedKubectl({ context, ...(namespace === undefined ? {} : { namespace }) });
  for (const { pattern, explain } of KNOWN) {
    const match = pattern.exec(error.stderrTail);
    if (match) return new UserError({ ...explain(match, kubectl), cause: error });
  }
  return error;
}
