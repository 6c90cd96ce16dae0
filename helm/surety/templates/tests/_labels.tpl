{{/* The pod of `helm test`: another component than the server, so that no Service leads to it. */}}
{{- define "surety.testLabels" -}}
app.kubernetes.io/name: {{ include "surety.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}
