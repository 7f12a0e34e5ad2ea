// Command image builds the container image of the emulator, for two platforms, into a folder in the
// OCI layout. It needs neither a container engine nor a registry: it makes the base image from the
// certificate authorities of this machine and an empty data folder, and serves it to ko from a
// registry in this process.
//
//	go run . -root ../.. -out dist/image -version v0.1.0
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// user is the id of the user that runs the emulator in a container. It has no account on the host.
const user = 65532

// authorities is the file of certificate authorities, in the image and on most machines.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

func main() {
	root := flag.String("root", ".", "root of the project")
	out := flag.String("out", "dist/image", "folder of the OCI layout; its content is replaced")
	version := flag.String("version", "dev", "version of the emulator")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := build(ctx, *root, *out, *version)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, root, out, version string) error {
	folder, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address := server.Listener.Addr().String()
	base := address + "/base:latest"
	if err := push(base); err != nil {
		return fmt.Errorf("base image: %w", err)
	}
	tools, err := filepath.Abs("go.mod")
	if err != nil {
		return err
	}
	ko := exec.CommandContext(ctx, "go", "tool", "-modfile="+tools, "ko", "build",
		"--push=false", "--oci-layout-path="+folder, "--platform=linux/amd64,linux/arm64", "--sbom=none",
		"--preserve-import-paths", "--tags="+version, "--image-label=org.opencontainers.image.title=qcsd",
		"--image-label=org.opencontainers.image.version="+version, "./server/cmd/qcsd")
	ko.Dir, ko.Stdout, ko.Stderr = root, os.Stderr, os.Stderr
	ko.Env = append(os.Environ(), "KO_DEFAULTBASEIMAGE="+base, "KO_DOCKER_REPO="+address+"/qcs",
		"KO_CONFIG_PATH="+filepath.Dir(tools), "VERSION="+version)
	if err := ko.Run(); err != nil {
		return fmt.Errorf("ko: %w", err)
	}
	return check(ctx, folder, version)
}

// check runs the emulator of the image for this platform and compares its version.
func check(ctx context.Context, folder, version string) error {
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return err
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		return err
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		return err
	}
	machine := match.Platforms(v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH})
	images, err := partial.FindImages(index, machine)
	if err != nil {
		return err
	}
	if len(images) != 1 {
		fmt.Println("built, not checked: there is no image for this platform")
		return nil
	}
	config, err := images[0].ConfigFile()
	if err != nil {
		return err
	}
	program := config.Config.Entrypoint[0]
	daemon, err := extract(images[0], program[1:])
	if err != nil {
		return err
	}
	defer os.Remove(daemon)
	got, err := exec.CommandContext(ctx, daemon, "--version").Output()
	if err == nil && !bytes.Contains(got, []byte(version)) {
		err = fmt.Errorf("got %q, want %s", got, version)
	}
	if err != nil {
		return fmt.Errorf("%s --version: %w", program, err)
	}
	fmt.Printf("built and checked: %s as user %s, %s", program, config.Config.User, got)
	return nil
}

// extract writes a program of an image to a temporary file.
func extract(image v1.Image, path string) (string, error) {
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if strings.TrimPrefix(h.Name, "/") != path {
			continue
		}
		out, err := os.CreateTemp("", "qcsd-*")
		if err != nil {
			return "", err
		}
		_, err = io.Copy(out, r)
		return out.Name(), errors.Join(err, out.Close(), os.Chmod(out.Name(), 0o700)) //nolint:gosec // it is a program
	}
}

// push makes the base image, an index with an image for each platform, and pushes it to base.
func push(base string) error {
	ref, err := name.ParseReference(base, name.Insecure)
	if err != nil {
		return err
	}
	layer, err := files()
	if err != nil {
		return err
	}
	index := v1.ImageIndex(empty.Index)
	for _, architecture := range []string{"amd64", "arm64"} {
		config := &v1.ConfigFile{OS: "linux", Architecture: architecture, RootFS: v1.RootFS{Type: "layers"}}
		config.Config = v1.Config{
			User:         fmt.Sprint(user),
			Env:          []string{"QCSD_ADDR=0.0.0.0:8080", "QCSD_DATA=/data"},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Volumes:      map[string]struct{}{"/data": {}},
		}
		image, err := mutate.ConfigFile(empty.Image, config)
		if err == nil {
			image, err = mutate.AppendLayers(image, layer)
		}
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: config.Platform()},
		})
	}
	return remote.WriteIndex(ref, index)
}

// files is the layer with certificate authorities and the folders that the emulator can write to.
func files() (v1.Layer, error) {
	certificates, err := os.ReadFile(authorities)
	if err != nil {
		return nil, fmt.Errorf("install the package ca-certificates: %w", err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []tar.Header{
		{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: user, Gid: user},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: authorities[1:], Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(certificates))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	_, err = w.Write(certificates)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	})
}
