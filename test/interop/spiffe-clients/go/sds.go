package main

import (
	"context"
	"io"
	"os"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// sds speaks to the agent with Envoy's own messages, as the lines of standard input say. NAMES are joined by commas.
//
//	ask NAMES      over one stream of the whole state; acknowledges the last answer
//	nack NAMES     the same, and refuses the last answer
//	stale NAMES    the same, with a nonce that was never given
//	plain NAMES    the first of a stream: a node that wants no SPIFFE validator
//	fetch NAMES    a single call
//	delta +NAME,-NAME    over one incremental stream; acknowledges the last answer
func sds(ctx context.Context, _ []string) {
	connection, err := grpc.NewClient(os.Getenv("SPIFFE_ENDPOINT_SOCKET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if fail("connect", err) {
		return
	}
	client := secret.NewSecretDiscoveryServiceClient(connection)
	whole, increments := &wholeState{client: client}, &incremental{client: client}
	eachLine(func(words []string) {
		names := []string{}
		if len(words) > 1 && words[1] != "" {
			names = strings.Split(words[1], ",")
		}
		switch words[0] {
		case "fetch":
			answer, err := client.FetchSecrets(ctx, &discovery.DiscoveryRequest{ResourceNames: names, TypeUrl: secretType})
			if !fail("fetch", err) {
				emit("secrets", fields{"call": "fetch", "secrets": secretsOf(answer.Resources)})
			}
		case "delta":
			increments.ask(ctx, names)
		default:
			whole.ask(ctx, words[0], names)
		}
	})
}

type wholeState struct {
	client secret.SecretDiscoveryServiceClient
	stream secret.SecretDiscoveryService_StreamSecretsClient
	last   chan *discovery.DiscoveryResponse
	seen   *discovery.DiscoveryResponse
}

func (w *wholeState) ask(ctx context.Context, how string, names []string) {
	request := &discovery.DiscoveryRequest{ResourceNames: names, TypeUrl: secretType}
	if w.stream == nil {
		w.open(ctx)
		request.Node = &core.Node{Id: "go"}
		if how == "plain" {
			request.Node.Metadata, _ = structpb.NewStruct(map[string]any{"disable_spiffe_cert_validation": true})
		}
	}
	for more := true; more; {
		select {
		case w.seen = <-w.last:
		default:
			more = false
		}
	}
	request.ResponseNonce, request.VersionInfo = w.seen.GetNonce(), w.seen.GetVersionInfo()
	switch how {
	case "nack":
		request.ErrorDetail = &status.Status{Message: "the client does not like it"}
	case "stale":
		request.ResponseNonce = "never-given"
	}
	sent("stream", w.stream.Send(request))
}

// On a stream that has ended, sending says no more than EOF: whoever receives tells the status.
func sent(call string, err error) {
	if err != io.EOF {
		fail(call, err)
	}
}

func (w *wholeState) open(ctx context.Context) {
	stream, err := w.client.StreamSecrets(ctx)
	if fail("stream", err) {
		os.Exit(1)
	}
	w.stream, w.last, w.seen = stream, make(chan *discovery.DiscoveryResponse, 1000), nil
	go func() {
		for {
			answer, err := stream.Recv()
			if fail("stream", err) {
				w.stream = nil
				return
			}
			w.last <- answer
			emit("secrets", fields{
				"call": "stream", "version": answer.VersionInfo, "nonce": answer.Nonce, "type": answer.TypeUrl,
				"secrets": secretsOf(answer.Resources),
			})
		}
	}()
}

type incremental struct {
	client secret.SecretDiscoveryServiceClient
	stream secret.SecretDiscoveryService_DeltaSecretsClient
}

func (d *incremental) ask(ctx context.Context, names []string) {
	request := &discovery.DeltaDiscoveryRequest{TypeUrl: secretType}
	for _, name := range names {
		if strings.HasPrefix(name, "-") {
			request.ResourceNamesUnsubscribe = append(request.ResourceNamesUnsubscribe, name[1:])
		} else {
			request.ResourceNamesSubscribe = append(request.ResourceNamesSubscribe, strings.TrimPrefix(name, "+"))
		}
	}
	if d.stream == nil {
		request.Node = &core.Node{Id: "go"}
		d.open(ctx)
	}
	sent("delta", d.stream.Send(request))
}

// open acknowledges every answer at once, as Envoy does.
func (d *incremental) open(ctx context.Context) {
	stream, err := d.client.DeltaSecrets(ctx)
	if fail("delta", err) {
		os.Exit(1)
	}
	d.stream = stream
	go func() {
		for {
			answer, err := stream.Recv()
			if fail("delta", err) {
				d.stream = nil
				return
			}
			_ = stream.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: secretType, ResponseNonce: answer.Nonce})
			resources := []*anypb.Any{}
			for _, resource := range answer.Resources {
				resources = append(resources, resource.Resource)
			}
			emit("secrets", fields{
				"call": "delta", "nonce": answer.Nonce, "secrets": secretsOf(resources), "removed": answer.RemovedResources,
			})
		}
	}()
}

func secretsOf(resources []*anypb.Any) []fields {
	secrets := []fields{}
	for _, resource := range resources {
		held := &tls.Secret{}
		if err := resource.UnmarshalTo(held); err != nil {
			secrets = append(secrets, fields{"problem": err.Error()})
			continue
		}
		secrets = append(secrets, secretFields(held))
	}
	return secrets
}

func secretFields(held *tls.Secret) fields {
	if certificate := held.GetTlsCertificate(); certificate != nil {
		return fields{
			"name": held.Name, "kind": "certificate", "chain": string(certificate.CertificateChain.GetInlineBytes()),
			"hasKey": strings.HasPrefix(string(certificate.PrivateKey.GetInlineBytes()), "-----BEGIN PRIVATE KEY-----"),
		}
	}
	context := held.GetValidationContext()
	if custom := context.GetCustomValidatorConfig(); custom != nil {
		validator := &tls.SPIFFECertValidatorConfig{}
		if err := proto.Unmarshal(custom.GetTypedConfig().GetValue(), validator); err != nil {
			return fields{"name": held.Name, "problem": err.Error()}
		}
		domains := []fields{}
		for _, domain := range validator.TrustDomains {
			domains = append(domains, fields{"name": domain.Name, "pem": string(domain.TrustBundle.GetInlineBytes())})
		}
		return fields{"name": held.Name, "kind": "validator", "validator": custom.Name, "trustDomains": domains}
	}
	return fields{"name": held.Name, "kind": "trusted_ca", "pem": string(context.GetTrustedCa().GetInlineBytes())}
}
