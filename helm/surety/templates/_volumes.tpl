{{/* Volumes of the pod: config, secrets and playbook as files, and two places that can be written. */}}
{{- define "surety.volumes" -}}
- name: config
  configMap:
    name: {{ include "surety.fullname" . }}-config
{{- with include "surety.secretSources" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- with include "surety.playbookSources" . }}
- name: playbook
  projected:
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- if not .Values.embedded.enabled }}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.scratch.dataSizeLimit }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.scratch.tmpSizeLimit }}
{{- end -}}

{{/* One folder of all secrets: files that follow the Secrets, never environment variables. */}}
{{- define "surety.secretSources" -}}
{{- $v := .Values -}}
{{- if not $v.embedded.enabled }}
{{- include "surety.secretSource" (dict "name" $v.ledger.passwordSecret.name "files" (dict $v.ledger.passwordSecret.key "ledger-password")) }}
{{- include "surety.secretSource" (dict "name" $v.ledger.caSecret.name "files" (dict $v.ledger.caSecret.key "ledger-ca.crt")) }}
{{- end }}
{{- if $v.signals.url }}
{{- include "surety.secretSource" (dict "name" $v.signals.passwordSecret.name "files" (dict $v.signals.passwordSecret.key "signals-password")) }}
{{- include "surety.secretSource" (dict "name" $v.signals.caSecret.name "files" (dict $v.signals.caSecret.key "signals-ca.crt")) }}
{{- end }}
{{- include "surety.secretSource" (dict "name" $v.keys.party.name "files" (dict $v.keys.party.key "party.key")) }}
{{- include "surety.secretSource" (dict "name" $v.keys.stepUp.name "files" (dict $v.keys.stepUp.key "step-up.key")) }}
{{- include "surety.secretSource" (dict "name" $v.tls.secret.name "files" (dict $v.tls.secret.cert "tls.crt" $v.tls.secret.key "tls.key")) }}
{{- include "surety.secretSource" (dict "name" $v.tls.clientCaSecret.name "files" (dict $v.tls.clientCaSecret.key "client-ca.crt")) }}
{{- end -}}

{{- define "surety.secretSource" -}}
{{- if .name }}
- secret:
    name: {{ .name }}
    items:
      {{- range $key, $file := .files }}
      - key: {{ $key }}
        path: {{ $file }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "surety.playbookSources" -}}
{{- range include "surety.playbookFiles" . | fromJsonArray }}
{{- if or .part.content .part.configMap }}
- configMap:
    name: {{ .part.configMap | default (printf "%s-playbook" (include "surety.fullname" $)) }}
    items:
      - key: {{ ternary .part.key .file (ne .part.configMap "") }}
        path: {{ .file }}
{{- end }}
{{- end }}
{{- end -}}
