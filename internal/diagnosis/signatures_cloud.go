package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// cloud is what S3 and the interfaces of cloud providers answer, and OAuth and
// OpenID Connect issuers.
var cloud = knowledge{
	source: "Amazon S3 error responses; AWS common errors; botocore exceptions.py; MinIO " +
		"cmd/api-errors.go; Google API errors; " +
		"Microsoft Entra AADSTS codes; RFC 6749, section 5.2; OpenID Connect Discovery 1.0",
	signatures: []signature{
		{
			id:    "cloud-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`\b(?:InvalidAccessKeyId|SignatureDoesNotMatch|RequestTimeTooSkewed|InvalidClientTokenId)\b`,
				`\b(?:UnrecognizedClientException|IncompleteSignature|AuthFailure|UnauthorizedOperation)\b`,
				`\b(?:ExpiredToken(?:Exception)?|TokenRefreshRequired)\b`,
				`\b(?:AccessDeniedException|MissingAuthenticationToken)\b`,
				`\((?:AccessDenied|AccessDeniedException|InvalidToken)\)`,
				`(?:<Code>|api error |Code: )(?:AccessDenied|InvalidToken)`,
				`\bAccessDenied: (?:User|Access Denied)`,
				`(?i)is not authorized to perform: [\w:]+`,
				`\bAADSTS\d{5,7}\b`,
				`(?i)"?error"?[:=] ?"?(?:invalid_client|invalid_grant|unauthorized_client|access_denied)\b`,
				`oauth2: "(?:invalid_client|invalid_grant|unauthorized_client)"`,
				`(?i)googleapi: Error 40[13]\b`,
				`(?i)Invalid JWT Signature`,
				`(?i)The server failed to authenticate the request`,
				`\bAuthorizationFailed\b`,
				`(?i)["( ](?:invalid_client|invalid_grant|unauthorized_client)[") ]`,
				`\bInvalid(?:Client|Grant)Error\b`,
				`oauth2: cannot fetch token: 40[0-3]`,
				`(?i)The (?:AWS )?Access Key Id you provided does not exist`,
				`(?i)The request signature we calculated does not match`,
				`(?i)The (?:security token|provided token) .{0,40}(?:is invalid|expired)`,
			},
			match: "api error InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.",
			not:   "INFO access denied: 0 requests",
		},
		{
			id:    "cloud-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`\b(?:SlowDown|ThrottlingException|Throttling|RequestLimitExceeded|TooManyRequestsException)\b`,
				`\b(?:ProvisionedThroughputExceeded|RequestThrottled|LimitExceeded)(?:Exception)?\b`,
				`(?i)Throttling: Rate exceeded`,
				`\b(?:rateLimitExceeded|userRateLimitExceeded|quotaExceeded)\b`,
			},
			match: "api error Throttling: Rate exceeded",
			not:   "INFO throttle is off",
		},
		{
			id:    "cloud-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`\bNoSuchBucket\b`,
				`(?i)The specified (?:bucket|container) does not exist`,
				`\b(?:AuthorizationHeaderMalformed|PermanentRedirect)\b`,
				`(?i)issuer did not match the issuer returned by provider`,
				`(?i)oidc: (?:expected an? )?(?:id token )?issued by a different provider`,
				`\bNonExistentQueue\b|\bQueueDoesNotExist\b`,
				`\bResourceNotFoundException: Requested resource not found`,
				`\bNotFoundException: Secrets Manager can.t find the specified secret`,
			},
			match: "An error occurred (NoSuchBucket) when calling the PutObject operation",
			not:   "INFO bucket orders exists",
		},
		{
			id:    "cloud-starting",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`\bXMinioServerNotInitialized\b`,
				`(?i)Server not initialized yet, please try again`,
			},
			match: "XMinioServerNotInitialized: Server not initialized, please try again.",
			not:   "INFO server initialized",
		},
		{
			id:    "cloud-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`\b(?:XMinioStorageFull|XMinioAdminBucketQuotaExceeded|QuotaExceeded)\b`,
				`(?i)Storage backend has reached its minimum free (?:disk|drive) threshold`,
			},
			match: "XMinioStorageFull: Storage backend has reached its minimum free drive threshold.",
			not:   "INFO storage backend is S3",
		},
		{
			id:    "cloud-credentials-missing",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`\bNoCredential(?:Providers|sError)?\b`,
				`(?i)Unable to (?:locate|load) (?:AWS )?credentials`,
				`(?i)could not find default credentials`,
				`(?i)Could not load credentials from any providers`,
				`(?i)Missing credentials in config`,
				`(?i)failed to (?:retrieve|refresh cached) credentials.{0,80}(?:no EC2 IMDS role|not found)`,
				`(?i)You must specify a region`,
				`(?i)(?:Missing region in config|could not find region configuration|an AWS region is required)`,
				`\bNoRegionError\b|MissingRegion\b`,
				`(?i)DefaultAzureCredential.{0,60}(?:failed|unable)`,
				`(?i)Your default credentials were not found`,
				`\bCredentialUnavailableError\b`,
				`(?i)\bDefaultCredentialsError\b`,
			},
			match: "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
			not:   "INFO loaded credentials from the environment",
		},
	},
}
