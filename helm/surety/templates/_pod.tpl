{{/* The pod that Deployment and StatefulSet share. */}}
{{- define "surety.pod" -}}
metadata:
  annotations:
    kubectl.kubernetes.io/default-container: surety
    checksum/config: {{ include "surety.toml" . | sha256sum }}
    checksum/playbook: {{ toJson .Values.playbook | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "surety.labels" (dict "root" . "component" "server") | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "surety.serviceAccountName" . }}
  automountServiceAccountToken: false
  # A Service named surety would put SURETY_PORT and the like into the environment, where the binary
  # looks for its settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "surety.gracePeriod" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ int .Values.podSecurity.runAsUser }}
    runAsGroup: {{ int .Values.podSecurity.runAsGroup }}
    fsGroup: {{ int .Values.podSecurity.fsGroup }}
    # Keys on the volume keep their modes.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: surety
      image: {{ include "surety.image" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/surety/config/surety.toml]
      ports:
        - name: grpc
          containerPort: {{ int .Values.grpc.port }}
          protocol: TCP
        - name: http
          containerPort: {{ int .Values.http.port }}
          protocol: TCP
      startupProbe:
        {{- include "surety.probe" (dict "path" "/livez" "probe" .Values.startupProbe) | nindent 8 }}
      livenessProbe:
        {{- include "surety.probe" (dict "path" "/livez" "probe" .Values.livenessProbe) | nindent 8 }}
      readinessProbe:
        {{- include "surety.probe" (dict "path" "/readyz" "probe" .Values.readinessProbe) | nindent 8 }}
      {{- with int .Values.shutdown.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ . }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "surety.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/surety/config
          readOnly: true
        {{- if include "surety.secretSources" . }}
        - name: secrets
          mountPath: {{ include "surety.secrets" . }}
          readOnly: true
        {{- end }}
        {{- if include "surety.playbookSources" . }}
        - name: playbook
          mountPath: {{ include "surety.playbook" . }}
          readOnly: true
        {{- end }}
        - name: data
          mountPath: /var/lib/surety
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- include "surety.volumes" . | nindent 4 }}
  affinity:
    {{- include "surety.affinity" . | nindent 4 }}
  topologySpreadConstraints:
    {{- include "surety.spread" . | trim | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "surety.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .probe }}
{{- end -}}

{{- define "surety.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "surety.affinity" -}}
{{- if .Values.affinity -}}
{{ toYaml .Values.affinity }}
{{- else if eq .Values.podAntiAffinity "hard" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "surety.selectorLabels" . | nindent 10 }}
{{- else -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "surety.selectorLabels" . | nindent 12 }}
{{- end -}}
{{- end -}}

{{- define "surety.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
{{ toYaml .Values.topologySpreadConstraints }}
{{- else -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "surety.selectorLabels" $ | nindent 6 }}
  {{- if not $.Values.embedded.enabled }}
  # While a version rolls out, old and new pods are spread apart from each other.
  matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}
{{- end -}}
