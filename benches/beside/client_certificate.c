/* Preloaded into wrk, which has no option for it: every TLS connection shows the certificate that the environment
 * variable CLIENT_CERTIFICATE names (PEM, its key in the same file). The functions are OpenSSL's; they are declared
 * here so that its headers need not be installed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;

#define PEM 1

int SSL_CTX_use_certificate_chain_file(SSL_CTX *context, const char *path);
int SSL_CTX_use_PrivateKey_file(SSL_CTX *context, const char *path, int type);

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    SSL_CTX *(*original)(const SSL_METHOD *) = (SSL_CTX * (*)(const SSL_METHOD *)) dlsym(RTLD_NEXT, "SSL_CTX_new");
    SSL_CTX *context = original(method);
    const char *path = getenv("CLIENT_CERTIFICATE");
    if (context == NULL || path == NULL)
        return context;
    if (SSL_CTX_use_certificate_chain_file(context, path) != 1
        || SSL_CTX_use_PrivateKey_file(context, path, PEM) != 1) {
        fprintf(stderr, "the client certificate in %s cannot be used\n", path);
        exit(1);
    }
    return context;
}
