{{/* Names and labels. */}}

{{- define "surety.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 characters: a StatefulSet adds a hash to it in a label. */}}
{{- define "surety.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; never changes in the life of a release. */}}
{{- define "surety.selectorLabels" -}}
app.kubernetes.io/name: {{ include "surety.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Labels of an object: (dict "root" $ "component" "..."). */}}
{{- define "surety.labels" -}}
app.kubernetes.io/name: {{ include "surety.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: {{ include "surety.name" .root }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where no client is named, pods of the namespace with this label set to "true" may call. */}}
{{- define "surety.clientLabel" -}}
{{ include "surety.fullname" . }}-client
{{- end -}}

{{- define "surety.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "surety.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* (dict "image" .Values.image "tag" "the tag where none is named") */}}
{{- define "surety.image" -}}
{{- $tagged := printf "%s:%s" .image.repository (default .tag .image.tag) -}}
{{- if .image.digest -}}{{ $tagged }}@{{ .image.digest }}{{- else -}}{{ $tagged }}{{- end -}}
{{- end -}}

{{/* Replicas: one when embedded, else as said, else three. */}}
{{- define "surety.replicas" -}}
{{- if .Values.embedded.enabled -}}1{{- else -}}
{{- .Values.replicaCount | default 3 | int -}}
{{- end -}}
{{- end -}}

{{/* "true" where several processes are one service. */}}
{{- define "surety.several" -}}
{{- if and (not .Values.embedded.enabled)
       (or .Values.autoscaling.enabled (gt (include "surety.replicas" . | int) 1)) -}}
true
{{- end -}}
{{- end -}}

{{/* Longer than what comes before it, so that the kubelet never cuts a drain short. */}}
{{- define "surety.gracePeriod" -}}
{{- with .Values.shutdown -}}
{{- add .preStopSeconds .drainSeconds .marginSeconds -}}
{{- end -}}
{{- end -}}
