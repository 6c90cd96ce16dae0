{{/* What no schema can say: all faults of the values are told at once, and nothing is rendered. */}}
{{- define "surety.check" -}}
{{- $v := .Values -}}
{{- $faults := concat
      (include "surety.check.stores" . | fromJsonArray)
      (include "surety.check.several" . | fromJsonArray)
      (include "surety.check.listeners" . | fromJsonArray)
      (include "surety.check.playbook" . | fromJsonArray)
      (include "surety.check.alerts" . | fromJsonArray) -}}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) -}}
{{- $faults = append $faults "serviceAccount.name: expected the name of an existing account, since serviceAccount.create is false" -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n\nsurety cannot be rendered:\n  - %s\n" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end -}}

{{- define "surety.check.stores" -}}
{{- $v := .Values -}}
{{- $faults := list -}}
{{- if $v.embedded.enabled -}}
  {{- if $v.ledger.url -}}
    {{- $faults = append $faults "embedded.enabled and ledger.url: expected one of them, the ledger is either on the pod's volume or shared" -}}
  {{- end -}}
  {{- if and $v.signals.url (not $v.keys.party.name) -}}
    {{- $faults = append $faults "keys.party.name: expected a Secret with the party key, since the signals are in Redis" -}}
  {{- end -}}
{{- else if not $v.ledger.url -}}
  {{- $faults = append $faults "ledger.url: expected postgres://USER@HOST/DATABASE, or embedded.enabled=true for one process with its own volume" -}}
{{- else -}}
  {{- if not (regexMatch "^postgres(ql)?://" $v.ledger.url) -}}
    {{- $faults = append $faults "ledger.url: expected postgres://USER@HOST/DATABASE; a file is kept by embedded.enabled=true" -}}
  {{- end -}}
  {{- if not $v.keys.party.name -}}
    {{- $faults = append $faults "keys.party.name: expected a Secret with the party key, since the ledger is shared" -}}
  {{- end -}}
  {{- if not $v.keys.stepUp.name -}}
    {{- $faults = append $faults "keys.stepUp.name: expected a Secret with the key of step-ups, since the ledger is shared" -}}
  {{- end -}}
{{- end -}}
{{- if and $v.signals.url (not (regexMatch "^rediss?([+]cluster)?://" $v.signals.url)) -}}
  {{- $faults = append $faults "signals.url: expected redis://, rediss://, redis+cluster:// or rediss+cluster:// and a host" -}}
{{- end -}}
{{- range $name, $store := dict "ledger" $v.ledger "signals" $v.signals -}}
  {{- if regexMatch "^[a-z+]+://[^/?]*:[^/?]*@|[?&]password=" $store.url -}}
    {{- $faults = append $faults (printf "%s.url: holds a password; expected it in a Secret, named by %s.passwordSecret.name" $name $name) -}}
  {{- end -}}
{{- end -}}
{{- if and $v.signals.caSecret.name (not (hasPrefix "rediss" $v.signals.url)) -}}
  {{- $faults = append $faults "signals.caSecret: expected a signals.url with TLS (rediss://)" -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{- define "surety.check.several" -}}
{{- $v := .Values -}}
{{- $faults := list -}}
{{- $said := $v.replicaCount | default 1 | int -}}
{{- if $v.embedded.enabled -}}
  {{- if gt $said 1 -}}
    {{- $faults = append $faults (printf "replicaCount: %d with embedded.enabled; expected 1, or a shared ledger in ledger.url and signals in signals.url" $said) -}}
  {{- end -}}
  {{- if $v.autoscaling.enabled -}}
    {{- $faults = append $faults "autoscaling.enabled with embedded.enabled: expected a shared ledger in ledger.url and signals in signals.url" -}}
  {{- end -}}
{{- else if and (include "surety.several" .) (not $v.signals.url) -}}
  {{- $faults = append $faults "signals.url: expected the address of a Redis, since more than one replica (replicaCount or autoscaling) shares the signals" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
  {{- $faults = append $faults "autoscaling.minReplicas: expected no more than maxReplicas" -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{- define "surety.check.listeners" -}}
{{- $v := .Values -}}
{{- $faults := list -}}
{{- $loopback := regexMatch "^(127[.]|\\[?::1\\]?$)" $v.grpc.host -}}
{{- if not (or $loopback $v.tls.secret.name $v.plaintext) -}}
  {{- $faults = append $faults (printf "tls.secret.name: expected a Secret with a certificate, since grpc.host %s is beyond loopback; or plaintext=true where a mesh encrypts" $v.grpc.host) -}}
{{- end -}}
{{- if and $v.tls.secret.name $v.plaintext -}}
  {{- $faults = append $faults "plaintext and tls.secret.name: expected one of them" -}}
{{- end -}}
{{- if and $v.tls.clientCaSecret.name (not $v.tls.secret.name) -}}
  {{- $faults = append $faults "tls.clientCaSecret: expected tls.secret.name as well, callers cannot show certificates without TLS" -}}
{{- end -}}
{{- if eq (int $v.grpc.port) (int $v.http.port) -}}
  {{- $faults = append $faults "grpc.port and http.port: expected two ports" -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{- define "surety.check.playbook" -}}
{{- $faults := list -}}
{{- range $name, $part := .Values.playbook -}}
  {{- if gt (len (compact (list $part.content $part.configMap (ternary "none" "" (default false $part.none))))) 1 -}}
    {{- $faults = append $faults (printf "playbook.%s: expected one of content, configMap and none" $name) -}}
  {{- end -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{- define "surety.check.alerts" -}}
{{- $faults := list -}}
{{- $known := list -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups -}}
  {{- range .rules -}}{{- if .alert -}}{{- $known = append $known .alert -}}{{- end -}}{{- end -}}
{{- end -}}
{{- range concat .Values.prometheusRule.disabled (keys .Values.prometheusRule.overrides | sortAlpha) -}}
  {{- if not (has . $known) -}}
    {{- $faults = append $faults (printf "prometheusRule: there is no alert %s; expected one of %s" . (join ", " $known)) -}}
  {{- end -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}
