{{/* Peers and ports of the network policies. */}}

{{/* A peer by namespace, podLabels and cidrs; nothing where it names none of them. */}}
{{- define "surety.peers" -}}
{{- if or .namespace .podLabels }}
-
  {{- with .namespace }}
  namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
  {{- end }}
  {{- with .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- range .cidrs }}
- ipBlock:
    cidr: {{ . }}
{{- end }}
{{- end -}}

{{/* Ports in the hosts of a URL, as JSON: (dict "url" ... "default" 5432). */}}
{{- define "surety.urlPorts" -}}
{{- $hosts := regexReplaceAll "^[a-z+]+://([^/?@]*@)?([^/?]*).*$" .url "${2}" -}}
{{- $ports := list -}}
{{- range splitList "," $hosts -}}
  {{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" -}}
  {{- $ports = append $ports (default $.default $port | int) -}}
{{- end -}}
{{- toJson (uniq $ports) -}}
{{- end -}}

{{/* One rule of egress: (dict "peer" ... "url" ... "default" ...). */}}
{{- define "surety.egress" -}}
{{- $peers := include "surety.peers" .peer -}}
{{- $ports := .peer.ports | default (include "surety.urlPorts" . | fromJsonArray) -}}
- ports:
    {{- range $ports }}
    - protocol: TCP
      port: {{ int . }}
    {{- end }}
  {{- with $peers }}
  to:
    {{- . | trim | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "surety.egressDns" -}}
- ports:
    {{- range .ports }}
    - protocol: UDP
      port: {{ int . }}
    - protocol: TCP
      port: {{ int . }}
    {{- end }}
  {{- with include "surety.peers" . }}
  to:
    {{- . | trim | nindent 4 }}
  {{- end }}
{{- end -}}
